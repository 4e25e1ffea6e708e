"""Contact sheets: where each image lies, and the frames around them."""

import torch

from cases import each_case
from runner.contact_sheet import make_contact_sheet


@each_case(("count", "rows", "columns"), [(2, 1, 2), (3, 2, 2), (4, 2, 2), (5, 2, 3), (7, 3, 3)])
def test_images_lie_in_reading_order_in_white_frames(count: int, rows: int, columns: int) -> None:
    images = torch.arange(count).reshape(count, 1, 1, 1).expand(count, 3, 4, 5) / 10
    sheet = make_contact_sheet(images, padding=1)
    expected = torch.ones(3, 5 * rows + 1, 6 * columns + 1)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        expected[:, 5 * row + 1 : 5 * row + 5, 6 * column + 1 : 6 * column + 6] = image
    assert torch.equal(sheet, expected)


def test_a_single_image_has_no_frame() -> None:
    image = torch.rand(1, 3, 4, 5)
    assert torch.equal(make_contact_sheet(image), image[0])


def test_bytes_stay_bytes_and_a_cell_that_is_left_over_has_the_value_that_is_given() -> None:
    images = torch.full((3, 3, 2, 2), 200, dtype=torch.uint8)
    expected = torch.full((3, 4, 4), 200, dtype=torch.uint8)
    expected[:, 2:, 2:] = 7
    assert torch.equal(make_contact_sheet(images, padding=0, pad_value=7), expected)
