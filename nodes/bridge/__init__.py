"""The border to ComfyUI: its runtime is imported here and nowhere else in the pack, apart from `comfy_api`."""

from .autograd import enable_autograd
from .folders import (
    CLASSIFIERS,
    CLIPS,
    find_model_file,
    find_model_folder,
    list_model_files,
    read_file_time,
    register_folders,
    save_rescued_images,
)
from .memory import check_memory, free_cache, load_judges, load_reader, manage_clip, manage_module, measure_free_memory
from .progress import Progress, check_interrupted
from .stack_folders import STACKS, choose_stack_path, find_stack_file, list_stack_files, name_stack_file
from .tensors import get_device, get_storage_device, read_images, read_mask, return_images, return_masks

__all__ = [
    "CLASSIFIERS",
    "CLIPS",
    "STACKS",
    "Progress",
    "check_interrupted",
    "check_memory",
    "choose_stack_path",
    "enable_autograd",
    "find_model_file",
    "find_model_folder",
    "find_stack_file",
    "free_cache",
    "get_device",
    "get_storage_device",
    "list_model_files",
    "list_stack_files",
    "load_judges",
    "load_reader",
    "manage_clip",
    "manage_module",
    "measure_free_memory",
    "name_stack_file",
    "read_file_time",
    "read_images",
    "read_mask",
    "register_folders",
    "return_images",
    "return_masks",
    "save_rescued_images",
]
