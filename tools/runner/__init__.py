"""Execution of API-format workflows without ComfyUI; tools/run_workflow.py is its command line."""
