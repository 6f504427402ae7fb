// The lowest contrast of text to the ground behind it (WCAG 2.2, 1.4.3), over what a reader has to read.
() => {
  const TEXTS =
    '.verdict strong, .reason, .side, .opener, .seen, .sum span, .chips b, .decided, .decided code, .fields th, ' +
    '.fields td code, .fields .value, .fields .absent, .sign, .timeline strong, .timeline time, pre, pre span, .times span, ' +
    '.views a, .basis, .match h4, .score, .carried th, .carried small, .carried td, .also, .advice li';
  // Computed colours are rgb(…) from 0 to 255, or color(srgb …) from 0 to 1 where they were mixed.
  const rgb = (colour) => {
    const scale = colour.startsWith('color(') ? 255 : 1;
    const [red, green, blue, alpha] = colour.replace('srgb', '').match(/[\d.]+/g).map(Number);
    return [red * scale, green * scale, blue * scale, alpha];
  };
  const linear = (channel) => (channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((channel) => linear(channel / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha] = rgb(getComputedStyle(at).backgroundColor);
      if (alpha !== 0) return [red, green, blue];
    }
    throw new Error('text without a ground');
  };
  const ratios = [...document.querySelectorAll(TEXTS)].map((element) => {
    const both = [rgb(getComputedStyle(element).color), ground(element)].map(luminance);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  });
  return Math.min(...ratios);
}
