"""Why a figure is what it is: one call part by part, one lever, and what the prompts of a log are made of."""
