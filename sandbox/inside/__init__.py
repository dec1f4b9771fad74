"""What runs in the containers of an engine out of sight, by the image's Python (3.8 or newer), alone: each file is one program."""
