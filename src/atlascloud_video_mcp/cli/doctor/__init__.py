"""What is wrong with this installation, and what to do about it: checks that cost nothing.

commands   what is typed and shown      findings  what a check says, and how long it may take
house      this machine's own parts     service   the way to the API
packages   Python and its libraries     account   the key, the money, the model
start      the server as a host has it  clients   the entries in the clients' files
"""
