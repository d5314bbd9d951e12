// The card of a forecast as a PNG: core says where everything stands, a canvas draws it. No picture is loaded for
// it, so the page's policy has no need to allow one.

import type { CardDrawing } from "./forecasting.js";

/** For dense screens and for cameras that read the code. */
const SCALE = 2;

export async function pngOf({ width, height, shapes }: CardDrawing): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext("2d");
  if (!context) throw { what: "This browser draws no pictures", where: "", todo: "Save the card as HTML", details: "" };
  context.scale(SCALE, SCALE);
  for (const shape of shapes) {
    context.fillStyle = shape.fill;
    switch (shape.kind) {
      case "rect":
        context.fillRect(shape.x, shape.y, shape.width, shape.height);
        break;
      case "circle":
        context.beginPath();
        context.arc(shape.x, shape.y, shape.radius, 0, 2 * Math.PI);
        context.fill();
        break;
      case "text":
        context.font = `${shape.bold ? "600 " : ""}${shape.size}px system-ui, sans-serif`;
        context.textAlign = shape.anchor === "middle" ? "center" : shape.anchor;
        context.fillText(shape.text, shape.x, shape.y);
        break;
      case "path":
        context.save();
        context.translate(shape.x, shape.y);
        context.scale(shape.scale, shape.scale);
        context.fill(new Path2D(shape.path));
        context.restore();
        break;
    }
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the canvas gave no picture"))), "image/png"));
}
