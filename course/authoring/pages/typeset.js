(function () {
  "use strict";
  const modules = {
/*MODULES*/
  };
  const entries = /*ENTRIES*/;
  const fonts = /*FONTS*/;
  const loaded = {};
  function load(number) {
    if (!(number in loaded)) {
      const module = (loaded[number] = { exports: {} });
      modules[number].call(module.exports, module, module.exports, load);
    }
    return loaded[number].exports;
  }
  load.g = window;
  const take = (name) => load(entries[name])[name];

  const Font = take("TeXFont");
  for (const face of Object.values(Font.defaultFonts)) {
    const name = /(MathJax_[\w-]+)\.woff/.exec(face.src)[1];
    face.src = `url("data:font/woff;base64,${fonts[name]}") format("woff")`;
  }
  const { mathjax } = load(entries.mathjax);
  mathjax.handlers.register(take("AssistiveMmlHandler")(new (take("HTMLHandler"))(take("browserAdaptor")())));
  const TeX = take("TeX");
  const CHTML = take("CHTML");

  // Delimiters and packages as in JupyterLab.
  const input = new TeX({
    packages: take("AllPackages"),
    inlineMath: [["$", "$"], ["\\(", "\\)"]],
    displayMath: [["$$", "$$"], ["\\[", "\\]"]],
    processEscapes: true,
    processEnvironments: true,
  });
  const output = new CHTML({ font: new Font(), matchFontHeight: false, scale: 1.08 });

  // A formula within a line that is longer than the line scrolls, like the displayed ones.
  function measure() {
    const inline = [...document.querySelectorAll("mjx-container:not([display])")].filter((formula) => formula.offsetWidth);
    inline.forEach((formula) => formula.classList.remove("long"));
    const long = inline.filter((formula) => formula.offsetWidth > formula.parentElement.clientWidth && formula.parentElement.clientWidth);
    long.forEach((formula) => formula.classList.add("long"));
  }

  function typeset() {
    const page = mathjax.document(document, { InputJax: input, OutputJax: output });
    page.render();
    measure();
    addEventListener("resize", measure);
    document.documentElement.dataset.formulas = document.querySelectorAll("mjx-container").length;
    document.dispatchEvent(new Event("typeset"));
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", typeset);
  else typeset();
})();
