"""Method, data set and protocol to rows of results."""
