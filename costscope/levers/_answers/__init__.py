"""What caches of whole answers share: what may be stored and served, for how long and in how much room."""
