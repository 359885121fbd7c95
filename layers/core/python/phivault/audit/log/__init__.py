"""The Merkle log: C2SP tlog-tiles, signed checkpoints, witnessed by somebody else."""
