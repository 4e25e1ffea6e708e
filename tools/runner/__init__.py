"""What runs an API-format workflow without ComfyUI; tools/run_workflow.py is its command line."""
