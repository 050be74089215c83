"""The marketing actions that everyone knows, and the policies that are shipped with the product, all disabled."""

from __future__ import annotations

from collections.abc import Mapping

from streams.governance.policies import All, Any, Policy

EXPORT, COMBINE, CROSS_SITE = "Export to Third Party", "Combine with directly identifiable data", "Cross Site Targeting"
ADVERTISING, PERSONALIZATION = "Onsite Advertising", "Onsite Personalization"
ANALYTICS, SCIENCE, MATCH = "Analytics", "Data Science", "Segment Match"
SINGLE_IDENTITY = "Single Identity Personalization"

CORE_ACTIONS: Mapping[str, str] = {
    ANALYTICS: "Measuring and reporting on the use of one's own sites and apps.",
    COMBINE: "Joining the data with what identifies a person directly.",
    CROSS_SITE: "Targeting ads by interests seen on several sites.",
    SCIENCE: "Analysis, models and what is learnt from them.",
    "Email Targeting": "Choosing whom an e-mail campaign is sent to.",
    EXPORT: "Sending the data to somebody else, outside of one's own company.",
    ADVERTISING: "Choosing the ads on one's own sites and apps.",
    PERSONALIZATION: "Choosing the content of one's own sites and apps.",
    MATCH: "Sharing segments with a partner through Segment Match.",
    SINGLE_IDENTITY: "Personalizing by one identity only, never by identities that were stitched together.",
}
"""By the name that destinations and policies write, exactly."""

CORE_POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            "core-third-party",
            Any(("C2", "C12")),
            (EXPORT,),
            "What must not be exported, or not to a third party, is not.",
        ),
        Policy(
            "core-combination",
            All(("C3", "I1")),
            (COMBINE,),
            "What must not be combined with data that identifies a person directly is not.",
        ),
        Policy(
            "core-cross-site-targeting",
            Any(("C4", "C5")),
            (CROSS_SITE,),
            "What must not be used for targeting across sites is not.",
        ),
        Policy(
            "core-onsite-advertising",
            Any(("C4", "C6")),
            (ADVERTISING,),
            "What must not be used for ads on one's own site is not.",
        ),
        Policy(
            "core-onsite-personalization",
            Any(("C4", "C7")),
            (PERSONALIZATION,),
            "What must not be used for content on one's own site is not.",
        ),
        Policy("core-analytics", "C8", (ANALYTICS,), "What must not be used to measure one's own sites is not."),
        Policy("core-data-science", "C9", (SCIENCE,), "What must not be used for data science is not."),
        Policy(
            "core-single-identity",
            "C10",
            (SINGLE_IDENTITY,),
            "What rests on stitched identities is not used to personalize by a single one.",
        ),
        Policy("core-segment-match", "C11", (MATCH,), "What must not be shared with Segment Match is not."),
        Policy("core-no-export", "C12", None, "What must not be exported in any way is not, whatever it is for."),
    )
}
"""By name; each forbids something only once it is enabled."""
