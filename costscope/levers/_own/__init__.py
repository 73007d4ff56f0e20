"""What the levers share that move calls to a model of the user's own: engines, fees, and which calls go."""
