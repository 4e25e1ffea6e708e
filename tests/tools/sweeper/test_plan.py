"""What travels to workers survives the way."""

from sweeper.axes import Option
from sweeper.cells import Cell
from sweeper.plan import Plan, Task


def test_plans_and_tasks_come_back_from_json() -> None:
    plan = Plan("mine", {"w": {"1": {"class_type": "A", "inputs": {"a": ["2", 0]}}}}, {"w": "/here"}, {"1.a": 1.5})
    assert Plan.from_json(plan.to_json()) == Plan(
        "mine", plan.prompts, plan.folders, plan.settings, only=[], judge=[], choices=[]
    )
    task = Task.of(Cell("ab", "w", (Option("ü", {"1.text": "ü\n"}, {"text": "ü"}),)))
    assert Task.from_json(task.to_json()) == task == Task("ab", "w", {"1.text": "ü\n"}, {"text": "ü"})
