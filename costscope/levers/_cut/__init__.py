"""What the levers share that shorten prompts: cutting blocks, turns, chunks and system prompts."""
