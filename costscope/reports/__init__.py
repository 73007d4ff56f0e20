"""Results in the shape of the Report noun, one file for each command that has something to say."""
