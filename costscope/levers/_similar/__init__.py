"""What the semantic response cache is made of: embeddings, guards, replay, and how often it is wrong."""
