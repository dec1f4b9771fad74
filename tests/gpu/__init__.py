"""What only a machine with GPUs tells of the pool: `make gpu-check MODEL=…` brings real engines up and prints what it saw."""
