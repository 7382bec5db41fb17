"""The catalogue: what runs, made from stack outputs, and the pages where a consumer finds and opens it."""
