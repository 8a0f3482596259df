// Starts reveal.js on the sections of a page, once each slide's text has been made to fit its 1280 x 720.
// A phone keeps the page as it is without JavaScript: the slides below one another, in its own text size.
(function () {
  "use strict";
  const PHONE = 600; // pixels of width
  const SMALLEST = 0.6; // of the usual text size; what is still too long scrolls
  const asked = /[?&](print-pdf|receiver)/.test(location.search); // on paper, or within the speaker's view
  if (innerWidth < PHONE && !asked) return;
  const main = document.querySelector("main");
  const slides = [...main.querySelectorAll(".slides > section > section")];

  function fit(slide) {
    let size = 1;
    slide.style.fontSize = "";
    const lines = [...slide.querySelectorAll(".highlight, .jp-RenderedText, .jp-OutputArea-output")]
      .filter((line) => !line.closest("details:not([open])")); // folded code counts when it is unfolded
    const over = () => slide.scrollHeight > slide.clientHeight + 1 || lines.some((x) => x.scrollWidth > x.clientWidth + 1);
    while (over() && size > SMALLEST) {
      size -= 0.05;
      slide.style.fontSize = `${size}em`;
    }
    // A finger then scrolls the slide, or moves a slider of the figure, and turns no page.
    slide.toggleAttribute("data-prevent-swipe", over() || Boolean(slide.querySelector("figure[data-explore]")));
  }

  // Up and down scroll a slide that is longer than the screen, and then lead to another heading.
  function along(step, event) {
    const slide = Reveal.getCurrentSlide();
    const rest = step > 0 ? slide.scrollHeight - slide.clientHeight - slide.scrollTop : slide.scrollTop;
    if (Reveal.isOverview()) (step > 0 ? Reveal.down : Reveal.up)();
    else if (rest > 1) slide.scrollBy(0, 120 * step);
    else if (!event.repeat) Reveal.slide(Reveal.getIndices().h + step, 0);
  }

  function last() {
    const { h, v } = Reveal.getIndices(slides.at(-1)); // reveal.js itself stops at the last heading
    Reveal.slide(h, v);
  }

  // Space and Enter press what has the focus; a figure's sliders keep their arrow keys by reveal.js itself.
  const free = (event) => !((event.key === " " || event.key === "Enter") && event.target.closest("summary, a, button"));

  const drawn = () => !document.querySelector("figure[data-live]:not([data-ready])");

  async function start() {
    for (const end = Date.now() + 5000; !drawn() && Date.now() < end; ) await new Promise(requestAnimationFrame);
    dispatchEvent(new Event("resize")); // typeset.js measures the formulas again, now on slides
    slides.forEach(fit);
    main.classList.add("reveal");
    await Reveal.initialize({
      width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, center: false,
      hash: true, navigationMode: "linear", transition: "none", backgroundTransition: "none",
      slideNumber: "c/t", controlsTutorial: false, controlsBackArrows: "visible",
      scrollActivationWidth: null, // its scroll view clips long slides, and leaving it stops the figures
      keyboard: { 38: (event) => along(-1, event), 40: (event) => along(1, event), 35: last },
      keyboardCondition: free,
      plugins: [RevealNotes, RevealZoom],
    });
    document.addEventListener("toggle", (event) => fit(event.target.closest("section")), true);
    document.documentElement.dataset.slides = slides.length;
    main.style.visibility = "";
  }

  document.body.classList.add("live");
  main.style.visibility = "hidden"; // until the slides have their size
  addEventListener("load", start);
})();
