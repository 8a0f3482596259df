// Makes a figure of course/explore.py live: a canvas in place of its picture, and a slider per setting.
// Everything comes from the page itself: the tables were computed in Python, no kernel and no network is asked.
(() => {
  const bytes = uri => Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), c => c.charCodeAt(0));
  const json = uri => JSON.parse(new TextDecoder().decode(bytes(uri)));
  const element = (name, properties, style, parent) => {
    const made = Object.assign(document.createElement(name), properties);
    made.style.cssText = style;
    parent.append(made);
    return made;
  };

  // A dark theme is whatever is dark behind the figure: JupyterLab's, a page's own, or the system's.
  const isDark = node => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) || []).map(Number);
      if (a > 0.5 && b !== undefined) return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes("dark")
      && matchMedia("(prefers-color-scheme: dark)").matches;
  };

  const upgrade = async figure => {
    figure.dataset.live = "";
    const spec = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const { pixel, panels, lines, notes } = json(spec.layout);
    const table = new Float32Array(bytes(spec.table).buffer);
    const [image, back] = [figure.querySelector("img"), new Image()];
    back.src = spec.background;
    await back.decode();

    const alt = image.alt;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: back.naturalWidth, height: back.naturalHeight });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", alt);
    canvas.style.cssText = `width:${image.getAttribute("width")}px;max-width:100%;height:auto;display:block`;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const at = spec.sliders.map(slider => slider.at);

    // The number of the present setting in a table of this shape; an axis of length 1 serves every setting.
    const cell = shape => shape.reduce((sum, n, i) => sum * n + (n > 1 ? at[i] : 0), 0);

    const points = line => {
      const panel = panels[line.panel];
      const place = (value, axis) => {
        const { lim: [from, to], log, span: [start, end] } = panel[axis];
        const share = log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
        return start + share * (end - start);
      };
      const own = cell(line.shape) * line.count, found = [];
      for (let i = 0; i < line.count; i++) {
        const x = line.x === null ? table[line.start + 2 * (own + i)] : table[line.x + i];
        const y = line.x === null ? table[line.start + 2 * (own + i) + 1] : table[line.start + own + i];
        const [u, v] = [place(x, "x"), place(y, "y")];
        const near = Math.min(1, 1e6 / Math.max(Math.abs(u), Math.abs(v))); // beyond, the canvas's own numbers wrap
        found.push([u * near, v * near]);
      }
      return found;
    };
    const finite = point => Number.isFinite(point[0]) && Number.isFinite(point[1]);
    const seen = ({ x, y }, [u, v]) => u >= x.span[0] - 1 && u <= x.span[1] + 1 && v <= y.span[0] + 1 && v >= y.span[1] - 1;

    const stroke = (line, found) => {
      const { x, y } = panels[line.panel];
      context.save();
      context.beginPath();
      context.rect(x.span[0], y.span[1], x.span[1] - x.span[0], y.span[0] - y.span[1]);
      context.clip();
      Object.assign(context, { strokeStyle: line.color, fillStyle: line.color, lineWidth: line.width, lineJoin: "round" });
      context.setLineDash(line.dash);
      context.beginPath();
      let down = false;
      for (const point of found) {
        if (finite(point)) down ? context.lineTo(...point) : context.moveTo(...point);
        down = finite(point);
      }
      context.stroke();
      context.setLineDash([]);
      context.restore();
      const dot = ([u, v], radius, fill) => {
        context.beginPath();
        context.arc(u, v, radius, 0, 2 * Math.PI);
        Object.assign(context, { fillStyle: fill, strokeStyle: line.color, lineWidth: line.width });
        context.fill();
        if (fill === "#fff") context.stroke();
      };
      if (line.every) {
        found.forEach((p, i) => i % line.every || !finite(p) || !seen(panels[line.panel], p) || dot(p, 2 * pixel, line.color));
        if (finite(found[0])) dot(found[0], 4 * pixel, "#fff");
      }
    };

    const write = labels => {
      context.font = `${10.5 * pixel}px "DejaVu Sans", Verdana, sans-serif`;
      context.textBaseline = "middle";
      let last = -Infinity;
      for (const label of labels.sort((a, b) => a.v - b.v)) {
        const width = context.measureText(label.text).width;
        const left = label.u + 7 * pixel + width > canvas.width ? label.u - 7 * pixel - width : label.u + 7 * pixel;
        last = Math.max(label.v, last + 13 * pixel);
        Object.assign(context, { lineWidth: 3 * pixel, strokeStyle: "rgba(255,255,255,.85)", fillStyle: label.ink });
        context.strokeText(label.text, left, last);
        context.fillText(label.text, left, last);
      }
    };

    const mark = line => {
      const [[x0, x1], [y0, y1]] = ["x", "y"].map((axis, i) => line.edges[i].slice(at[i], at[i] + 2));
      for (const [color, width] of [["#fff", 4], ["#000", 1.6]]) {
        Object.assign(context, { strokeStyle: color, lineWidth: width * pixel });
        context.strokeRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
      }
    };

    const inputs = [], values = [];
    const draw = () => {
      context.drawImage(back, 0, 0);
      const labels = [];
      for (const line of lines) {
        if (line.edges) { mark(line); continue; }
        const found = points(line);
        stroke(line, found);
        const end = found.findLast(point => finite(point) && seen(panels[line.panel], point));
        if (line.label && end) labels.push({ text: line.label, u: end[0], v: end[1], ink: line.ink });
      }
      write(labels);
      at.forEach((index, i) => {
        values[i].textContent = spec.sliders[i].values[index];
        inputs[i].value = index;
        inputs[i].setAttribute("aria-valuetext", spec.sliders[i].values[index]);
      });
      note.textContent = notes ? notes[cell(at.map((_, i) => spec.sliders[i].values.length))] : "";
      figure.dataset.at = at.join(" ");
    };

    const controls = document.createElement("div");
    controls.style.cssText = "display:flex;flex-wrap:wrap;gap:2px 28px;align-items:center;padding:6px 4px;" +
      "font:14px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit)";
    spec.sliders.forEach((slider, i) => {
      const label = element("label", {}, "display:flex;gap:9px;align-items:center", controls);
      element("span", { textContent: slider.name }, "", label);
      const input = element("input", { type: "range", min: 0, max: slider.values.length - 1, step: 1, value: slider.at },
        "width:200px;margin:0;accent-color:#0072B2", label);
      input.setAttribute("aria-label", slider.name);
      input.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes the arrow keys
      values.push(element("span", {}, "min-width:4em;font-variant-numeric:tabular-nums", label));
      inputs.push(input);
      input.addEventListener("input", () => { at[i] = Number(input.value); draw(); });
    });
    const note = element("output", {}, "flex-basis:100%;min-height:1.5em", controls);
    note.setAttribute("aria-live", "polite");

    const map = lines.find(line => line.edges);
    if (map) {
      const pick = event => {
        const scale = canvas.width / canvas.clientWidth;
        [event.offsetX * scale, event.offsetY * scale].forEach((place, i) => {
          const middles = map.edges[i].slice(1).map((edge, k) => Math.abs(place - (edge + map.edges[i][k]) / 2));
          at[i] = middles.indexOf(Math.min(...middles));
        });
        draw();
      };
      canvas.style.cursor = "crosshair";
      canvas.addEventListener("pointerdown", pick);
      canvas.addEventListener("pointermove", event => event.buttons && pick(event));
    }

    const theme = () => { canvas.style.filter = isDark(figure) ? "invert(.93) hue-rotate(180deg)" : ""; };
    const soon = () => { theme(); setTimeout(theme, 500); }; // a theme's style sheet comes after its name
    new MutationObserver(soon).observe(document.body, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
    theme();
    draw();
    image.style.display = "none";
    image.after(canvas, controls);
    figure.dataset.ready = "";
  };
  document.querySelectorAll("figure[data-explore]:not([data-live])").forEach(upgrade);
})();
