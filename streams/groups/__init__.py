"""What a member of a consumer group may rely on: how long its partitions are surely its own, and where they begin."""
