"""What the service promises to programs: OpenAPI 3.1, made from the views and from the models that they check with."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

from flask import Request, Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, ValidationError

from digit_ui.fields import refusal
from digit_ui.picture import FORMATS
from digit_ui.problems import MEDIA_TYPE, ProblemBody

API_VERSION = "1.0.0"
DESCRIPTION = """Tells which digit somebody wrote, and keeps what they say they meant for the next model.

Within version 1 nothing is taken away; fields and addresses may be added. Every error is `application/problem+json`
(RFC 9457) with a `code` for programs and a `detail` for people."""

READING = Tag(name="reading", description="Which digit is it, and why?")
FEEDBACK = Tag(name="feedback", description="Which digit was meant.")
TRAINING = Tag(name="training", description="What the trainer does, and what the administrator decides.")
OPEN_INFERENCE = Tag(
    name="open inference protocol",
    description="The same model for clients of KServe and Triton: the network's input as it is, without preprocessing.",
)
TENSORFLOW_SERVING = Tag(name="tensorflow serving", description="The same model for clients of TensorFlow Serving.")
HEALTH = Tag(name="health", description="Whether the service runs.")

Security = list[dict[str, list[str]]]
ADMINISTRATOR: Security = [{"administrator": []}]
SENDER: Security = [{"sender": []}]
# Where the training is public nobody needs the token, and else everybody.
READER: Security = [{}, *ADMINISTRATOR]

MAX_DRAWINGS = 100
Operation = dict[str, Any]
PICTURE = {"type": "string", "format": "binary"}


class InMemory(Request):
    """A request whose files stay in memory, where the whole body is already: no drawing is written to a disk."""

    def _get_file_stream(self, *_args: object, **_options: object) -> BytesIO:
        return BytesIO()


class Described(OpenAPI):
    """A Flask application that knows what its views take and answer; `api_doc` is that description."""

    request_class = InMemory

    def __init__(self, import_name: str) -> None:
        """Make an application without views."""
        super().__init__(
            import_name,
            static_folder=None,
            info=Info(title="Chiffres", version=API_VERSION, description=DESCRIPTION),
            security_schemes={
                "administrator": {"type": "http", "scheme": "bearer", "description": "ADMIN_TOKEN"},
                "sender": {"type": "http", "scheme": "bearer", "description": "the `key` of the drawing's receipt"},
            },
            doc_ui=False,
            # Every operation describes this one, else the library would add an answer that is never given.
            validation_error_status="default",
            validation_error_model=ProblemBody,
            validation_error_callback=_refuse,
        )
        self.bodies: dict[str, dict[str, Any]] = {}

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function itself: none here is a coroutine, which Flask would look for a dozen times a request."""
        return func

    def add(self, operations: "ApiBlueprint") -> None:
        """Add views and their part of the description."""
        self.register_api(operations)
        self.bodies |= operations.bodies

    def generate_spec_json(self) -> None:
        """Make the description, with the bodies' schemas as they are: the library knows only a part of JSON Schema."""
        super().generate_spec_json()  # type: ignore[no-untyped-call] # the library's own
        self.spec_json["components"]["schemas"] |= self.bodies


class ApiBlueprint(APIBlueprint):
    """Views that belong together, and their part of the description. bodies: what they take, as JSON Schemas."""

    def __init__(self, name: str, import_name: str, tag: Tag, **options: Any) -> None:  # noqa: ANN401 # Flask's own
        """Make a blueprint whose operations have this tag, and problems as answers besides their own."""
        super().__init__(
            name,
            import_name,
            abp_tags=[tag],
            abp_responses={"default": _problem("Another problem")},
            operation_id_callback=_operation_id,
            **options,
        )
        self.tag = tag
        self.bodies: dict[str, dict[str, Any]] = {}

    def add(self, operations: "ApiBlueprint") -> None:
        """Add views below these and their part of the description."""
        self.register_api(operations)
        self.bodies |= operations.bodies

    def takes(self, model: type[BaseModel], *media_types: str) -> Operation:
        """Describe a JSON body, which the view reads with `fields.validate`, for `openapi_extensions`.

        media_types: others that the view takes too.
        """
        content = {"application/json": {"schema": self.refer(model)}, **contents(*media_types)["content"]}
        return {"requestBody": {"required": True, "content": content}}

    def takes_drawings(self, model: type[BaseModel], list_model: type[BaseModel] | None = None) -> Operation:
        """Describe a drawing in each form that `drawing.read_fields` takes; its other fields then come in the form.

        list_model: of many drawings, where `drawing.read_drawings` takes them.
        """
        schema = self.refer(model)
        others = {name: part for name, part in _properties(model).items() if name not in ("image", "strokes")}
        required = [name for name in model.model_json_schema().get("required", []) if name in others]
        form: dict[str, Any] = {
            "type": "object",
            "properties": {"image": PICTURE, **others},
            "required": ["image", *required],
        }
        content = {
            "application/json": {"schema": schema},
            **{media_type: {"schema": PICTURE} for media_type in FORMATS.values()},
            "multipart/form-data": {"schema": form},
        }
        operation: Operation = {"requestBody": {"required": True, "content": content}}
        if others:
            operation["parameters"] = [
                {
                    "name": name,
                    "in": "query",
                    "required": False,
                    "schema": part,
                    "description": "with a picture as body",
                }
                for name, part in others.items()
            ]
        if list_model is not None:
            content["application/json"] = {"schema": {"anyOf": [schema, self.refer(list_model)]}}
            form["properties"]["images"] = {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": MAX_DRAWINGS}
            form["anyOf"] = [{"required": form.pop("required")}, {"required": ["images"]}]
        return operation

    def refer(self, model: type[BaseModel]) -> dict[str, str]:
        """Put a model among the components and give the reference to it."""
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        self.bodies |= {**schema.pop("$defs", {}), model.__name__: schema}
        return {"$ref": f"#/components/schemas/{model.__name__}"}


class Query(BaseModel):
    """What an address carries after its question mark.

    The library asks for the schema at each request, and making one takes a sixth of the time of a whole answer.
    """

    @classmethod
    @cache
    def model_json_schema(  # type: ignore[override] # called all the same
        cls,
        *given: Any,  # noqa: ANN401 # pydantic's own
        **named: Any,  # noqa: ANN401 # as above
    ) -> dict[str, Any]:
        """Give the fields' schema, made once; do not change it."""
        return super().model_json_schema(*given, **named)


def answer(body: BaseModel, status: int = 200) -> Response:
    """Write an answer by the model that describes it."""
    return Response(body.model_dump_json(by_alias=True), status, content_type="application/json")


def problems(*statuses: int) -> dict[str | int, dict[str, Any]]:
    """Describe the problems that an operation answers with, for `responses`."""
    return {status: _problem(None) for status in statuses}


def contents(*media_types: str) -> dict[str, Any]:
    """Describe an answer that is no JSON."""
    return {"content": {media_type: {"schema": PICTURE} for media_type in media_types}}


def _problem(description: str | None) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
    named = {} if description is None else {"description": description}
    return {**named, "content": {MEDIA_TYPE: {"schema": schema}}}


def _properties(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    return properties


def _refuse(error: ValidationError) -> Response:
    raise refusal(error) from error


def _operation_id(*, bp_name: str, name: str, path: str, method: str) -> str:  # noqa: ARG001 # the library's own
    return f"{bp_name}_{name}"
