// The live preview in the panel of web/steer_panel.js, in which one clicks on an image, on a place in it, or paints. What
// was done stays visible: a frame around chosen images, a ring at the focus, a veil over what is protected.

const SMALLEST = 0.02; // of the radius of the brush, in shares of the short side of an image
const LARGEST = 0.3;
const PADDING = 2; // pixels between the images of a preview
// The least pixels of the preview in the panel, down: of one image or a film, and of images to choose among. It is larger
// on a larger node.
const LEAST = [200, 320];
const FINEST = 1024; // the most pixels of the canvas, across and down
const MOST_POINTS = 1000; // of a stroke
const LIGHT = "rgb(255 255 255 / 80%)";
const VEIL = "rgb(255 255 255 / 40%)";
const SHADE = "rgb(0 0 0 / 60%)";

function round(value) {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
}

export class Picture {
  // `onClick` gets the number of the image, and the row and the column in it, 0..1; `onPaint` a stroke, a list of
  // circles, each with its row, column and radius.
  constructor(onClick, onPaint) {
    Object.assign(this, { onClick, onPaint });
    this.state = null; // what there is to see, as the server tells it; null: nothing
    this.acts = null; // what the mouse does: null, or { isStroke }
    this.brush = 0.06;
    this.least = 0; // pixels of the preview, down: it never becomes smaller
    this.bitmap = null;
    this.cell = null; // the image that is being painted
    this.stroke = [];
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas.style, { flex: "1 1 0", minHeight: 0, width: "100%", objectFit: "contain" });
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.cell && this.paint(event));
    this.canvas.addEventListener("wheel", (event) => this.acts?.isStroke && this.resizeBrush(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => this.end());
  }

  async load(blob) {
    const bitmap = await createImageBitmap(blob);
    this.bitmap?.close();
    this.bitmap = bitmap;
  }

  get isOpen() {
    return Boolean(this.bitmap);
  }

  // The least height of the preview on a panel of this width.
  getHeight(width) {
    // An image that was chosen and made larger is not shown smaller.
    this.least = Math.max(this.least, LEAST[Number(this.state?.images > 1)]);
    return this.isOpen ? Math.min(this.least, Math.round((width * this.canvas.height) / this.canvas.width)) : 0;
  }

  // Draws the preview, and in it what was done in the run that is going on.
  draw(state = this.state) {
    this.state = state;
    const { bitmap, canvas } = this;
    canvas.style.display = this.isOpen ? "" : "none";
    canvas.style.cursor = this.acts ? "crosshair" : "";
    canvas.style.touchAction = this.acts ? "none" : "";
    if (!this.isOpen) return;
    const scale = Math.min(1, FINEST / Math.max(bitmap.width, bitmap.height));
    const size = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.round(length * scale)));
    if (canvas.width !== size[0] || canvas.height !== size[1]) {
      [canvas.width, canvas.height] = size;
    }
    this.context = canvas.getContext("2d");
    this.context.drawImage(bitmap, 0, 0, ...size);
    if (!state) return;
    for (let image = 0; image < state.shown; image++) this.mark(this.getCell(image));
    if (this.cell) this.drawStroke(this.cell, this.stroke, VEIL);
  }

  // The pixels of the canvas for one of the screen, and where its picture begins in the box of the element.
  measure() {
    const { canvas } = this;
    const { width, height } = canvas.getBoundingClientRect();
    const scale = Math.max(canvas.width / (width || 1), canvas.height / (height || 1));
    return { scale, left: (width - canvas.width / scale) / 2, top: (height - canvas.height / scale) / 2 };
  }

  // Shows what was done in an image.
  mark(cell) {
    const { context, state } = this;
    const { left, top, width, height } = cell;
    const { scale } = this.measure();
    const last = (kind) => state.acts.findLast((act) => act?.[1] === kind);
    for (const [, kind, strokes] of state.acts)
      if (kind === "protect") for (const stroke of strokes) this.drawStroke(cell, stroke, VEIL);
    const [, , row, column] = last("place") ?? [];
    if (row !== undefined) {
      context.beginPath();
      context.arc(left + column * width, top + row * height, 8 * scale, 0, 2 * Math.PI);
      // A dark ring below a light one is seen on any picture.
      for (const [style, pixels] of [
        [SHADE, 5],
        [LIGHT, 2],
      ]) {
        context.strokeStyle = style;
        context.lineWidth = pixels * scale;
        context.stroke();
      }
    }
    if (state.chosen.length === state.images) return;
    if (state.chosen.includes(cell.image)) {
      context.strokeStyle = LIGHT;
      context.lineWidth = 3 * scale;
      context.strokeRect(left, top, width, height);
    } else {
      context.fillStyle = SHADE;
      context.fillRect(left, top, width, height);
    }
  }

  drawStroke(cell, stroke, color) {
    const { context } = this;
    context.strokeStyle = color;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * stroke[0][2] * Math.min(cell.width, cell.height);
    context.beginPath();
    // A line back to its own beginning, so that a single point is drawn too.
    for (const [row, column] of [stroke[0], ...stroke])
      context.lineTo(cell.left + column * cell.width, cell.top + row * cell.height);
    context.stroke();
  }

  // Where an image is in the preview, in pixels of the canvas.
  getCell(image) {
    const { shown, columns } = this.state;
    const rows = Math.ceil(shown / columns);
    const padding = shown > 1 ? (PADDING * this.canvas.width) / this.bitmap.width : 0;
    const [across, down] = [(this.canvas.width - padding) / columns, (this.canvas.height - padding) / rows];
    return {
      image,
      left: padding + (image % columns) * across,
      top: padding + Math.floor(image / columns) * down,
      width: across - padding,
      height: down - padding,
    };
  }

  findCell(x, y) {
    const { shown, columns } = this.state;
    const limit = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    const row = limit(y / this.canvas.height, Math.ceil(shown / columns));
    return this.getCell(row * columns + limit(x / this.canvas.width, columns));
  }

  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, left, top } = this.measure();
    const [x, y] = [(event.clientX - box.left - left) * scale, (event.clientY - box.top - top) * scale];
    const cell = this.cell ?? this.findCell(x, y);
    return { cell, row: round((y - cell.top) / cell.height), column: round((x - cell.left) / cell.width) };
  }

  begin(event) {
    if (!this.bitmap || !this.state || !this.acts) return;
    const { cell, row, column } = this.locate(event);
    if (cell.image >= this.state.shown) return;
    if (!this.acts.isStroke) {
      this.onClick(cell.image, row, column);
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    this.cell = cell;
    this.stroke = [[row, column, this.brush]];
    this.draw();
  }

  paint(event) {
    const { row, column } = this.locate(event);
    const [lastRow, lastColumn] = this.stroke.at(-1);
    const isNear = Math.hypot(row - lastRow, column - lastColumn) < this.brush / 3;
    if (isNear || this.stroke.length >= MOST_POINTS) return;
    this.stroke.push([row, column, this.brush]);
    this.draw();
  }

  // Shows the new size of the brush at the mouse until the next preview.
  resizeBrush(event) {
    event.preventDefault();
    const factor = event.deltaY < 0 ? 1.2 : 1 / 1.2;
    this.brush = round(Math.min(LARGEST, Math.max(SMALLEST, this.brush * factor)));
    this.draw();
    const { cell, row, column } = this.locate(event);
    this.drawStroke(cell, [[row, column, this.brush]], LIGHT);
  }

  end() {
    if (!this.cell) return;
    this.cell = null;
    this.onPaint(this.stroke);
  }
}
