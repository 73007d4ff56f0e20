"""What the levers of provider prompt caching share: the simulator, its calibration on bills, and the
what-ifs of marks and lifetimes."""
