"""Everyday words that are more general than the 1,000 class names of ImageNet, and the classes that each word covers.

For most animals, a word covers the classes below it in WordNet. For things, a word may also cover what people associate
with it: the word 'coffee' covers the coffeepot.
"""

from functools import cache
from typing import NamedTuple


class Hypernym(NamedTuple):
    """Words for one kind of thing, in the singular, and the indices of the classes of this kind, in rising order."""

    words: tuple[str, ...]
    classes: tuple[int, ...]


@cache
def list_hypernyms() -> tuple[Hypernym, ...]:
    """Return all hypernyms; a class may belong to several: a beagle is a hound, a dog, a mammal and an animal."""
    hypernyms = []
    # A line that begins with a space continues the line above it.
    for entry in _TABLE.strip().replace("\n ", " ").replace("; ", "\n").split("\n"):
        words, _, numbers = entry.partition(": ")
        ends = [part.partition("-") for part in numbers.split()]
        classes = [index for first, _, last in ends for index in range(int(first), int(last or first) + 1)]
        hypernyms.append(Hypernym(tuple(words.split(", ")), tuple(classes)))
    return tuple(hypernyms)


_TABLE = """
animal: 0-397; mammal: 101-106 147-299 330-388; bird: 7-24 80-100 127-146; fish: 0-6 389-397; reptile: 33-68
amphibian: 25-32; insect, bug: 300-326
dog, puppy: 151-268; hound: 160-177; terrier: 158 179-204; spaniel: 152 156 215-221; sheepdog: 224-235; wolf: 269-272
fox: 277-280; cat, kitten: 281-285; wild cat, big cat: 286-293; bear: 294-297; panda: 387 388; weasel: 356-359
rabbit, bunny: 330-332; rodent: 333-338; squirrel: 335 336; horse, pony: 339; cow, cattle: 345-347; sheep: 348 349
goat: 350; pig: 341-343; deer, antelope: 351-353; camel: 354 355; elephant: 101 385 386; monkey: 370-382; ape: 365-369
lemur: 383 384; kangaroo, marsupial: 104-106; whale, dolphin: 147 148; seal: 150; marine mammal: 147-150
songbird: 10-20; bird of prey: 21-24; eagle: 22; owl: 24; chicken: 7 8; grouse, pheasant: 80-83 86; parrot: 87-90
duck: 97 98; goose, swan: 99 100; waterfowl: 97-100; heron, stork: 127-134; shorebird: 139-143; seabird: 144-146
shark: 2-4; ray: 5 6; salamander, newt: 25-29; frog, toad: 30-32; turtle, tortoise: 33-37; lizard: 38-48
crocodile: 49 50; dinosaur: 51; snake: 52-68; spider: 72-77; beetle: 300-307; butterfly, moth: 321-326
shellfish, mollusc: 112-117; seashell: 112 117; crab: 118-121 125; lobster: 122-124; crustacean: 118-126; worm: 110 111
coral: 109 973
vehicle: 407 408 436 444 466 468 511 547 555 569 609 627 654 656 661 665 670 671 675 705 717 734 751 757 779 817 820 829
 847 864 866 867 874
car, automobile: 407 436 468 511 609 627 656 661 751 817; truck, lorry: 555 569 675 717 864 867; van: 654 656 675 734
bus: 654 779 874; train: 466 547 565 705 820; tram: 829; bicycle, bike: 444 671; motorcycle, motorbike: 665 670
cart, carriage: 428 603 612 690; boat: 472 484 554 576 625 814 871 914; sailing boat, yacht: 484 780 871 914
ship: 403 510 628 724 780 913; aircraft: 404 405 417 895; airplane, aeroplane: 404 895; rocket, spaceship: 657 744 812
farm machine: 595 730 856 866
building: 425 449 483 497 498 580 624 660 663 668 698 727 743 762 832; house, cottage: 425 449 660 853 858
temple, place of worship: 497 663 668 832; fortress: 483 698; tower: 437 442 900; bridge: 821 839 888
shop, store: 415 424 454 467 509 582 788 860 865; monument, statue: 649 682 708 863 873; harbour, port: 460 536 718
fence: 489 716 912; roof: 538 853 858; door, gate: 799 873 877; window: 789 799 904 905; bathroom: 435 794 861 896
kitchen: 534 651 760 827 859
furniture: 423 431 453 493 495 516 520 526 532 548 553 559 564 703 736 765 831 857 894; chair, seat: 423 559 703 765 857
table: 526 532 736; sofa, couch: 831; bed: 431 516 520 564 831; cupboard, cabinet: 493 495 553 648 894
lamp, light: 470 607 619 818 846 862; curtain: 794 854 904 905; clock, watch: 409 530 531 604 826 835 892
computer: 527 590 620 681; telephone, phone: 487 528 605 707; camera: 732 759; screen, display: 548 664 782 851
household appliance: 534 606 651 760 827 859 882 891 897; machine: 480 517 561 595 695 739 786 856 866 886 897
tool: 473 477 512 587 596 623 714 740 784 792; knife: 499 623; weapon: 413 456 471 657 763 764; gun: 413 763 764
measuring instrument: 426 635 688 769 778 798; toy: 611 723 850; ball: 429 430 522 574 722 768 805 852 890
sports equipment: 416 422 543 602 693 702 747 752 795; book: 454 624 917 921; pen, pencil: 418 563 709 749
cloth, fabric: 434 533 591 750 885 911
musical instrument: 401 402 420 432 486 513 541 546 558 566 577 579 593 594 641 642 683 684 687 699 776 822 875 881 889
guitar: 402 546; string instrument: 402 420 486 546 594 889; wind instrument: 432 513 558 566 593 683 684 699 776 875
brass instrument, trumpet: 513 566 875; drum, percussion instrument: 541 577 641 642 822
keyboard instrument, piano: 401 579 687 881
container: 412 427 440 463 478 492 519 588 653 720 725 728 737 756 876 898 899 901 907; bottle: 440 720 737 898 907
jug: 653 725 899 901; pot, pan: 469 521 544 567 909; bowl: 659 809; cup, glass: 441 504 572 968; basket: 588 790
box: 478 492 519 709; bag: 414 636 728 748 893
clothing, clothes: 399 411 445 459 474 501 568 578 601 608 610 614 617 638 639 652 655 689 697 735 775 834 841 842 869
dress: 399 578 601 614 689; coat, jacket: 568 617 652 834 869; skirt: 601 655 689 775; sweater, shirt: 474 610 841
swimsuit: 445 638 639 842; cloak, robe: 400 501 614 735 887; hat, cap: 433 439 452 515 667 793 808; helmet: 518 560 715
shoe, boot: 502 514 630 770 774; necktie: 451 457 906; armour: 461 465 490 524; jewellery: 464 679
mask: 570 643 691 796
food, meal: 924-935 959 962-965; fast food: 933 934 963 965; soup: 809 925 926; pasta: 959; fruit: 948-957
vegetable: 936-946; squash, pumpkin: 607 940-942; mushroom, fungus: 947 991-997; bread, pastry: 930-932
dessert, sweet: 927-929; drink, beverage: 966 967 969; coffee: 504 505 550 967; wine: 907 966; beer: 440 441
flower, blossom: 984-986
landscape: 970 972 974-980; mountain: 970 972 979 980; coast, beach: 975-978; sea, ocean: 977 978; rock: 972 976
"""
