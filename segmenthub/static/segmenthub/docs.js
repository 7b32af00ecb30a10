// Redoc would fetch its maker's logo from a CDN; nothing on the reference page comes from elsewhere.
const image = HTMLImageElement.prototype;
const { setAttribute } = image;
const src = Object.getOwnPropertyDescriptor(image, "src");
const foreign = (value) => String(value).startsWith("https://cdn.redoc.ly/");

image.setAttribute = function (name, value) {
  if (name !== "src" || !foreign(value)) setAttribute.call(this, name, value);
};
Object.defineProperty(image, "src", {
  ...src,
  set(value) {
    if (!foreign(value)) src.set.call(this, value);
  },
});
