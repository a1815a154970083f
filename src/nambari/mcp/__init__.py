"""The door for agents: the Model Context Protocol, over the API of any server, with a customer's key."""
