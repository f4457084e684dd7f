"""Writes label_studio.json with Label Studio's SDK (pip install label-studio-sdk): its labelling interface says what is
compared, its models check the annotations, its converter writes the JSON export. No server.
"""

import json
import shutil
import tempfile
from pathlib import Path

from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import AnnotationValue, TaskValue

FOLDER = Path(__file__).parent
CONFIG = """<View>
  <Text name="prompt" value="$prompt"/>
  <Pairwise name="comparison" toName="answer1,answer2"/>
  <Text name="answer1" value="$answer1"/>
  <Text name="answer2" value="$answer2"/>
</View>"""
FROM, TO, KIND = LabelInterface(CONFIG).get_control("comparison").as_tuple().split("|")


def annotation(number: int, who: int, side: str | None, **fields: object) -> dict[str, object]:
    result = [{"id": f"x{number}", "type": KIND, "from_name": FROM, "to_name": TO, "value": {"selected": side}}]
    value = AnnotationValue(completed_by=who, result=result if side else [], **fields)
    return {"id": number, **value.model_dump(), "created_at": "2026-11-20T09:30:00.000000Z"}


def task(number: int, *annotations: dict[str, object]) -> dict[str, object]:
    data = {"prompt": f"Why {number}?", "answer1": f"Because {number}.", "answer2": "Näin on.\n", "source": "book"}
    TaskValue(data=data, annotations=list(annotations))  # checks, and would drop ids and dates
    return {"id": number, "data": data, "annotations": list(annotations), "predictions": [], "project": 1}


tasks = [
    task(1, annotation(1, 2, "left", lead_time=37.4), annotation(2, 3, "right", lead_time=5.0, ground_truth=True)),
    task(2, annotation(3, 2, None, was_cancelled=True), annotation(4, 3, "left", lead_time=1.25)),
    task(3),
]
with tempfile.TemporaryDirectory() as name:
    source = Path(name) / "tasks.json"
    source.write_text(json.dumps(tasks, ensure_ascii=False, indent=2), "utf-8")
    Converter(CONFIG, name).convert(str(source), name, "JSON", is_dir=False)
    shutil.copyfile(Path(name) / "result.json", FOLDER / "label_studio.json")
