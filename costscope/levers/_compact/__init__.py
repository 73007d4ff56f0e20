"""What compaction is made of: texts written shorter, measured by counting again."""
