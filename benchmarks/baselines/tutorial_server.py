"""The server that ours is compared with, as tutorials write it: Flask, Pillow, and `predict` of Keras on TensorFlow.

python tutorial_server.py model.h5 5001
MODEL=model.h5 gunicorn tutorial_server:app
"""

import base64
import io
import os
import sys

import keras
import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image

app = Flask(__name__)
model = keras.models.load_model(os.environ.get("MODEL") or sys.argv[1])


@app.post("/predict")
def predict() -> Response:
    """Read a picture of a digit, black on white, from a data URL."""
    _, data = request.get_json()["image"].split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("L").resize((28, 28))
    pixels = 1 - np.asarray(image) / 255
    probabilities = model.predict(pixels.reshape(1, 28, 28, 1), verbose=0)[0]
    return jsonify(digit=int(probabilities.argmax()), probabilities=probabilities.tolist())


if __name__ == "__main__":
    app.run(port=int(sys.argv[2]))
