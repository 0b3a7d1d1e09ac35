// Lists the texts of the page whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3).
(() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // A pixel tells what any notation of a colour comes to.
  const paint = (layers) => {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, 1, 1);
    for (const layer of layers) { pen.fillStyle = layer; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const el = node.parentElement;
    if (node.data.trim() === "" || !el.checkVisibility() || el.closest(".hidden, .spoiler, script")) continue;
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
    const ground = luminance(paint(layers));
    const ink = luminance(paint([...layers, getComputedStyle(el).color]));
    const contrast = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    if (contrast < 4.5) poor.push(`contrast ${contrast.toFixed(2)} of "${node.data.trim().slice(0, 40)}" in ${el.tagName}.${el.className}`);
  }
  return poor;
})();
