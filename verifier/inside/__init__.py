"""What runs in the project's interpreter: standard library only, Python 3.8 and newer, delivered as one file.

Nothing of nightcrew is imported here, and these modules are imported by nobody: `verifier.payload` packs them.
"""
