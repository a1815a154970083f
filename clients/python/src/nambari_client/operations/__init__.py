"""What can be asked for? Each operation of the API as a function of its parameters, which makes a Request of them.

A name is that of the OpenAPI document's operationId in snake_case; where one operation answers with either of two
objects, each has a function of its own.
"""
