// Sliders over frames that were drawn beforehand: each bar's place is a digit, the last bar running fastest.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".sliders")) {
    const frames = JSON.parse(box.dataset.frames);
    const picture = box.querySelector("img");
    const bars = [...box.querySelectorAll("input")];
    const show = () => {
      const at = bars.reduce((place, bar) => place * (Number(bar.max) + 1) + Number(bar.value), 0);
      picture.src = frames[at].src;
      picture.alt = frames[at].alt;
    };
    for (const bar of bars) {
      const labels = JSON.parse(bar.dataset.labels);
      bar.addEventListener("input", () => {
        bar.setAttribute("aria-valuetext", labels[bar.value]);
        bar.nextElementSibling.textContent = labels[bar.value];
        show();
      });
    }
  }
});
