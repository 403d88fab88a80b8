"""Where work runs: one by one in this process, in a pool of processes, or on a Ray cluster. Workers compute; truth stays in the store."""
