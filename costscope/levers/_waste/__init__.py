"""What the waste levers share: the facts they look at, and how they drop calls."""
