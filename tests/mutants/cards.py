"""Faults in what lies beside the weights and the images: cards, records, sums."""

from __future__ import annotations

from tests.mutants.fault import Fault, fault

WEIGHTS = "vaetut/assets/weights"

FAULTS: list[Fault] = [
    fault(
        "a card has a metric of other weights",
        f"{WEIGHTS}/article-2d.json",
        '"neg_elbo": 140.36447335338593',
        '"neg_elbo": 140.46447335338593',
        "tests/test_pretrained.py::test_a_bundled_model_scores_what_its_card_says[article-2d]",
    ),
    fault(
        "a card has another recipe than its weights were made by",
        f"{WEIGHTS}/playground-2d.json",
        '"epochs": 60',
        '"epochs": 50',
        "tests/test_pretrained.py::test_a_bundled_model_can_be_trained_again_as_its_card_says",
    ),
    fault(
        "a card's rate is that of another seed",
        f"{WEIGHTS}/article-20d.json",
        '"rate": 19.192690201759337',
        '"rate": 19.292690201759337',
        "tests/test_pretrained.py::test_a_card_reports_every_seed_on_all_test_images",
    ),
    fault(
        "a card misquotes what was published",
        f"{WEIGHTS}/iwae-k5.json",
        '"nll": 85.54',
        '"nll": 85.45',
        "tests/test_pretrained.py::test_a_card_quotes_what_was_published",
    ),
    fault(
        "a record in the package is not the one that was measured",
        "vaetut/assets/benchmarks/seeds.jsonl",
        "97.74241700565338",
        "97.64241700565338",
        "tests/test_records.py::test_the_package_carries_the_records",
    ),
    fault(
        "the sum of a file of images is another one's",
        "vaetut/assets/mnist/MD5SUMS",
        "27ae3e4e09519cfbb04c329615203637",
        "27ae3e4e09519cfbb04c329615203638",
        "tests/test_data.py::test_the_list_of_sums_is_the_published_one",
    ),
]
