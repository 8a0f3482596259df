// Shows the nested sections of a deck one at a time: arrow keys, space, buttons, an overview, one slide to a page.
(function () {
  "use strict";
  const body = document.body;
  const slides = [...document.querySelectorAll(".slides > section > section")];
  const controls = document.querySelector(".controls");
  const count = controls.querySelector("output");
  const smallest = 0.6; // of the usual size; what is still too long scrolls
  let at = 0;

  function title(slide) {
    const heading = slide.parentElement.querySelector("h1, h2");
    return heading ? heading.firstChild.textContent.trim() : "";
  }

  function fit(slide) {
    let size = 1;
    slide.style.fontSize = "";
    const wide = ".highlight, .jp-RenderedText, .jp-OutputArea-output"; // on a phone they scroll
    const lines = innerWidth < 700 ? [] : [...slide.querySelectorAll(wide)];
    const over = () => slide.scrollHeight > slide.clientHeight + 1 || lines.some((x) => x.scrollWidth > x.clientWidth + 1);
    while (over() && size > smallest) {
      size -= 0.05;
      slide.style.fontSize = size + "em";
    }
  }

  function show(number, move) {
    at = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, i) => slide.classList.toggle("present", i === at));
    if (body.classList.contains("overview")) slides[at].scrollIntoView({ block: "nearest" });
    else fit(slides[at]);
    count.textContent = `${at + 1} / ${slides.length}  ${title(slides[at])}`;
    if (move) history.replaceState(null, "", `#/${at + 1}`);
  }

  function overview(on) {
    body.classList.toggle("overview", on);
    controls.querySelector("[data-go=overview]").setAttribute("aria-pressed", String(on));
    slides.forEach((slide) => (slide.style.fontSize = ""));
    show(at, true);
  }

  function section(step) {
    const here = slides[at].parentElement;
    const firsts = slides.filter((slide) => slide === slide.parentElement.querySelector("section"));
    const place = firsts.findIndex((slide) => slide.parentElement === here);
    const target = firsts[Math.max(0, Math.min(firsts.length - 1, place + step))];
    show(slides.indexOf(target), true);
  }

  const keys = {
    ArrowRight: () => show(at + 1, true), ArrowLeft: () => show(at - 1, true),
    PageDown: () => show(at + 1, true), PageUp: () => show(at - 1, true),
    ArrowDown: () => section(1), ArrowUp: () => section(-1),
    Home: () => show(0, true), End: () => show(slides.length - 1, true),
    o: () => overview(!body.classList.contains("overview")),
    Escape: () => overview(!body.classList.contains("overview")),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return; // a figure's own sliders
    const pressed = event.target.closest("button, summary, a");
    if (event.key === " " && !pressed) show(at + (event.shiftKey ? -1 : 1), true);
    else if (event.key === "Enter" && body.classList.contains("overview") && !pressed) overview(false);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  controls.addEventListener("click", (event) => {
    const go = event.target.dataset.go;
    if (go === "next") show(at + 1, true);
    else if (go === "previous") show(at - 1, true);
    else if (go === "overview") keys.o();
  });
  slides.forEach((slide, i) => slide.addEventListener("click", (event) => {
    if (!body.classList.contains("overview")) return;
    event.preventDefault();
    at = i;
    overview(false);
  }));
  const asked = () => (parseInt(location.hash.slice(2), 10) || 1) - 1;
  addEventListener("hashchange", () => show(asked(), false));
  addEventListener("resize", () => show(at, false));
  addEventListener("beforeprint", () => slides.forEach((slide) => (slide.style.fontSize = "")));
  addEventListener("afterprint", () => show(at, false));
  document.addEventListener("typeset", () => show(at, false));
  document.addEventListener("toggle", () => fit(slides[at]), true);
  controls.hidden = false;
  body.classList.add("live");
  show(asked(), false);
})();
