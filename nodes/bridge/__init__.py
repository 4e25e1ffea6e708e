"""The interface to ComfyUI: of the folders of `nodes`, only this one imports ComfyUI's runtime.

The others import `comfy_api` and nothing else of ComfyUI.
"""

from .comfyui_clip import join_clip
from .controls import Controls, fingerprint_changes, register_control_routes
from .diffusion import DiffusionGuide, guide_model
from .folders import (
    CLASSIFIERS,
    CLIPS,
    FEATURES,
    TAUGHT,
    check_folder_name,
    copy_example_files,
    find_model_file,
    find_model_folder,
    find_picture_folder,
    list_model_files,
    list_picture_folders,
    register_folders,
)
from .memory import (
    check_frame_memory,
    check_memory,
    free_cache_on_exit,
    load_judges,
    load_text_tower,
    make_room,
    manage_clip,
    manage_judge,
    manage_module,
    measure_free_memory,
)
from .page import find_running_node, show_result, show_text, store_property, tell_page, warn_on_node
from .progress import Progress, Wait, check_interrupted, is_interrupt, show_failure
from .rescue import rescue
from .stack_folders import STACKS, find_stack_file, list_stack_files, read_stack_time, save_new_stack
from .tensors import (
    check_vae,
    from_comfy_images,
    from_comfy_mask,
    get_device,
    get_storage_device,
    join_comfy_images,
    to_comfy_images,
    to_comfy_masks,
)
