SwaggerUIBundle({
  url: `${PREFIX}/openapi.json`,
  dom_id: "#reference",
  deepLinking: true,
  displayOperationId: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  // A person who is signed in tries routes with the cookie; a key in "Authorize" needs no token.
  requestInterceptor: (request) => {
    const token = csrfToken();
    if (token && new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRF-Token"] = token;
    }
    return request;
  },
});
