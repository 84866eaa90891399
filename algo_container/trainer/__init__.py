"""The parts of the trainer; `cnn_mnist.py` beside this package puts them together."""
