"""Speed and accuracy measured beside other libraries, for the benchmarks and for `nonlin bench`."""
