"""What the levers that choose a model share: targets, rules, evidence, learning and curves."""
