"""Who asks for memory, when, and when they give it back by themselves: recorded demand, or synthetic."""
