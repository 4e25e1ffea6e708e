// The live preview in the panel of web/steer.js, in which one clicks on an image, on a place in it, or paints.

const BRUSH = 0.06; // the radius of the brush, in shares of the short side of an image
const PADDING = 2; // pixels between the images of a preview
const LONGEST = 220; // the most pixels of the preview in the panel, across and down
const MOST_POINTS = 1000; // of a stroke

function round(value) {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
}

export class Picture {
  // `onClick` gets the number of the image, and the row and the column in it, 0..1; `onPaint` a stroke, a list of
  // circles, each with its row, column and radius.
  constructor(onClick, onPaint, onLoad) {
    Object.assign(this, { onClick, onPaint, onLoad, sheet: { shown: 1, columns: 1 } });
    this.isOpen = false;
    this.paints = false; // or clicks
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas.style, { alignSelf: "center", cursor: "crosshair", touchAction: "none" });
    this.bitmap = null;
    this.cell = null; // the image that is being painted
    this.stroke = [];
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.cell && this.paint(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => this.end());
  }

  async load(blob) {
    const bitmap = await createImageBitmap(blob);
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.draw();
    this.onLoad();
  }

  draw() {
    const { bitmap, canvas, cell } = this;
    const isShown = this.isOpen && bitmap;
    canvas.style.display = isShown ? "" : "none";
    if (!isShown) return;
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    const size = [bitmap.width, bitmap.height].map((length) => Math.round(length * scale));
    if (canvas.width !== size[0] || canvas.height !== size[1]) {
      [canvas.width, canvas.height] = size;
    }
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0, ...size);
    if (!cell) return;
    context.strokeStyle = "rgb(255 255 255 / 60%)";
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * BRUSH * Math.min(cell.width, cell.height);
    context.beginPath();
    // A line back to its own beginning, so that a single point is drawn too.
    for (const [row, column] of [this.stroke[0], ...this.stroke])
      context.lineTo(cell.left + column * cell.width, cell.top + row * cell.height);
    context.stroke();
  }

  // The image of the preview at a place of the canvas, in pixels.
  findCell(x, y) {
    const { shown, columns } = this.sheet;
    const rows = Math.ceil(shown / columns);
    const padding = shown > 1 ? (PADDING * this.canvas.width) / this.bitmap.width : 0;
    const [width, height] = [(this.canvas.width - padding) / columns, (this.canvas.height - padding) / rows];
    const across = Math.min(columns - 1, Math.max(0, Math.floor((x - padding) / width)));
    const down = Math.min(rows - 1, Math.max(0, Math.floor((y - padding) / height)));
    return {
      image: down * columns + across,
      left: padding + across * width,
      top: padding + down * height,
      width: width - padding,
      height: height - padding,
    };
  }

  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width;
    const y = ((event.clientY - box.top) / box.height) * this.canvas.height;
    const cell = this.cell ?? this.findCell(x, y);
    return { cell, row: round((y - cell.top) / cell.height), column: round((x - cell.left) / cell.width) };
  }

  begin(event) {
    if (!this.bitmap) return;
    const { cell, row, column } = this.locate(event);
    if (!this.paints) {
      if (cell.image < this.sheet.shown) this.onClick(cell.image, row, column);
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    this.cell = cell;
    this.stroke = [[row, column, BRUSH]];
    this.draw();
  }

  paint(event) {
    const { row, column } = this.locate(event);
    const [lastRow, lastColumn] = this.stroke.at(-1);
    const isNear = Math.hypot(row - lastRow, column - lastColumn) < BRUSH / 3;
    if (isNear || this.stroke.length >= MOST_POINTS) return;
    this.stroke.push([row, column, BRUSH]);
    this.draw();
  }

  end() {
    if (!this.cell) return;
    this.cell = null;
    this.onPaint(this.stroke);
  }
}
