"""The layers inside a judge: their names and shapes, and judges that answer with the activations of layers."""
