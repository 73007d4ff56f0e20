"""What the levers share that let calls wait: who can, for how long, and what a batch may hold."""
