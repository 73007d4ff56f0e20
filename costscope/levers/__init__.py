"""What-ifs, one file each: a workload in, a workload out. The folder is the registry."""
