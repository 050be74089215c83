"""Streams: an open, self-hosted HTTP destination for Kafka.

Where to look, in the order in which a record passes:

- ``worker``         one process: topics made ready, stages and health started, stopped together
- ``configuration``  settings and documents, all errors at once; secrets by reference
- ``registry``       the documents in force on their topic, and how one changes; ``documents``, ``following``: how a
  worker goes by them without a restart
- ``topics``         what the worker's own topics must be, and how they come to be so
- ``engine``         everything that knows Faust's internals, behind one interface that loses nothing
- ``activation``     what arrives (``events``, read by ``decoding``), what is known (``profiles``), who is sent what
  (``activate``), and the loop that does it (``agents``, ``outbox``, ``stage``); ``profile_commands``: what it is asked
- ``brokers``        what every Kafka client is made from: addresses, TLS, login; why one is kept out (``refusals``)
- ``groups``         how long a group's partitions are surely ours, and where in them to go on
- ``exports``        what activation writes and delivery posts: id, headers, topics
- ``delivery``       each destination's queue (``service``), in order per profile (``lanes``), to an end (``dispatch``)
- ``letters``        what could not be read or delivered, as an operator finds it and sends it once more
- ``endpoints``      one attempt (``endpoint``), its token (``auth``), where it may go (``egress``)
- ``telemetry``, ``status``  metrics, log lines, health; what workers report of themselves, and what it says together
- ``ends``, ``outcomes``  how records, exports and attempts end: the closed lists that all of the above share
- ``codes``, ``remedies``  what can be wrong, each with the line of the README that says what to do
- ``sampling``       what is on a stranger's topics, and how to declare it
- ``destinations``, ``secrets``  where a profile may go, and what must not be seen
- ``governance``     labels, marketing actions and policies: which destination is forbidden, from label to action
- ``demo``           the whole way on one machine, with a broker, an endpoint and a token server of its own
- ``cli``            the command

Words import nothing above them, decisions are pure, effects do not know each other, and the wiring knows all:
``tests/test_architecture.py`` holds that plan.
"""

__version__ = "0.1.0"
