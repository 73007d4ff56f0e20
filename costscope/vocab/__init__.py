"""The vocabularies that OpenAI publishes, packed: see NOTICE and vendor.py. Read by `tokens` only."""
