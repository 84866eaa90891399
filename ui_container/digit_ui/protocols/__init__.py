"""Ways in for programs that ask other inference servers already, in the words of those servers."""
