"""`showdown up`: the processes of one machine."""
